"""The JavaScript around custom functions: what of the language they see, and how they are called.

Evaluated once per context; gives the function that calls the others. Left out: what runs later (timers, promises, weak
references), what measures time, and what compiles text. `Date` stands still, in UTC on every machine; `Math.random` is
seeded. Everything else is frozen, so that no call can leave anything behind for the next.
"""

from __future__ import annotations

from typing import Final

# The name by which the caller is cut off the end of a stack.
CALLER: Final = "call_custom_function"

REALM: Final = (
    r"""
(() => {
"use strict";
const parse = JSON.parse, stringify = JSON.stringify, isFinite = Number.isFinite;
const RealDate = Date, RealPromise = Promise, instant = Date.UTC, offset = Date.prototype.getTimezoneOffset;
const zoned = /(z|gmt|utc)$|:\d\d.*[+-]\d\d:?\d\d(\s*\(.*\))?$|^[+-]?\d{4,6}(-\d\d(-\d\d)?)?$/i;
const define = Object.defineProperty, ownKeys = Reflect.ownKeys, descriptor = Object.getOwnPropertyDescriptor;
let now = 0, seed = 0;

for (const name of ["queueMicrotask", "performance", "WeakRef", "FinalizationRegistry", "SharedArrayBuffer", "Atomics",
  "eval", "Promise", "DOMException", "AsyncDisposableStack"]) delete globalThis[name];
for (const name of ["prepareStackTrace", "stackTraceLimit", "captureStackTrace"]) delete Error[name];

Math.random = () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
};

const parsed = text => {
  const found = new RealDate(text);
  return zoned.test(text.trim()) ? +found : +found - offset.call(found) * 60000;
};
const moment = args => {
  if (args.length === 0) return now;
  if (args.length > 1) return instant(...args);
  return typeof args[0] === "string" ? parsed(args[0]) : args[0];
};
const proto = RealDate.prototype;
for (const part of ["FullYear", "Month", "Date", "Hours", "Minutes", "Seconds", "Milliseconds", "Day"]) {
  proto["get" + part] = proto["getUTC" + part];
  if (part !== "Day") proto["set" + part] = proto["setUTC" + part];
}
proto.getTimezoneOffset = () => 0;
proto.getYear = function () { return this.getUTCFullYear() - 1900; };
for (const name of ["toString", "toDateString", "toTimeString", "toLocaleString", "toLocaleDateString",
  "toLocaleTimeString"]) proto[name] = function () { return this.toUTCString(); };
proto.toJSON = function $toJSON() { return this.toISOString(); };
RealDate.now = () => now;
RealDate.parse = text => parsed(String(text));
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, made) => Reflect.construct(target, [moment(args)], made),
  apply: () => new RealDate(now).toUTCString(),
});
proto.constructor = globalThis.Date;

// Frozen prototypes would forbid `{}.toString = …` and `error.name = …`: there an own property is made instead.
const own = prototype => {
  for (const key of ownKeys(prototype)) {
    const found = descriptor(prototype, key);
    if (!found.configurable || !("value" in found)) continue;
    define(prototype, key, {
      configurable: false,
      enumerable: false,
      get: () => found.value,
      set: function $set(value) {
        if (this === prototype) throw new TypeError("built-in objects cannot be changed");
        define(this, key, { value, writable: true, enumerable: true, configurable: true });
      },
    });
  }
};
[Object, Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]
  .forEach(one => own(one.prototype));

const seen = new Set();
const freeze = thing => {
  if (thing === null || (typeof thing !== "object" && typeof thing !== "function") || seen.has(thing)) return;
  seen.add(thing);
  Object.freeze(thing);
  freeze(Reflect.getPrototypeOf(thing));
  for (const key of ownKeys(thing)) {
    const found = descriptor(thing, key);
    freeze(found.value), freeze(found.get), freeze(found.set);
  }
};
[function* () {}, async function () {}, async function* () {}, [].values(), new Map().entries(), new Set().values(),
  ""[Symbol.iterator](), "".matchAll(/./g), [].values().map(one => one), Iterator.from({ next() {} }), RealPromise,
  globalThis].forEach(freeze);

const $plain = (key, value) => {
  if (typeof value === "number" && !isFinite(value)) throw new RangeError(value + " is not a finite number");
  return value;
};
return function """
    + CALLER
    + r"""(make, payload, moment, chance) {
  now = moment;
  seed = chance | 0;
  const given = parse(payload);
  const result = make()(given.value, given.record);
  if (result === undefined) throw new TypeError("the function returned undefined; return null to clear the field");
  if (result instanceof RealPromise) throw new TypeError("the function is asynchronous; it must return its value");
  const text = stringify(result, $plain);
  if (text === undefined) throw new TypeError("the function returned no value but a " + typeof result);
  return text;
};
})()
"""
)
