"""The words that sample companies are made of. All invented or general; every e-mail domain ends in `.example`."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Country:
    """`places` are (city, state, start of the postal code); `postal_digits` random digits and `postal_end` follow."""

    alpha3: str
    alpha2: str
    name: str
    currency: str
    dialling_code: str
    tax_rate: Decimal
    legal_forms: tuple[str, ...]
    streets: tuple[str, ...]
    places: tuple[tuple[str, str, str], ...]
    postal_digits: int
    postal_end: str = ""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


KINDS = _words(
    """Amber Ashen Azure Birch Bold Brass Bright Broad Calm Cedar Clear Cobalt Copper Coral Crisp Crystal Deep Distant
    Eager Early East Emerald Even Fair Fern First Flint Free Gentle Glass Golden Grand Granite Green Hazel High
    Honest Indigo Iron Ivory Keen Lively Lunar Maple Marble Merry Mild Modern Noble North Oaken Open Pearl Plain
    Prime Quiet Rapid Red Royal Ruby Sable Silver Solid Stone"""
)
NOUNS = _words(
    """Anchor Arbor Arch Bay Beacon Bridge Brook Canyon Castle Cliff Cloud Coast Compass Cove Creek Crest Delta Dune
    Falcon Field Fjord Forest Forge Garden Gate Glen Grove Harbor Haven Heath Hill Horizon Island Junction Lake
    Lantern Ledge Lighthouse Meadow Mesa Mill Moor Mountain Orchard Otter Path Peak Pier Plateau Pond Quarry
    Reef Ridge River Sail Shore Spring Summit Terrace Trail Valley Vista Willow Wharf"""
)
TRADES = _words(
    """Analytics Apparel Bakery Bearings Biotech Books Brewing Carpentry Ceramics Chemicals Coffee Components
    Consulting Cycles Dairy Design Devices Diagnostics Dynamics Electric Energy Engines Fabrics Farms Fisheries
    Foods Freight Furniture Games Glazing Hardware Hosting Hotels Imaging Instruments Insurance Interiors Labs
    Leasing Lighting Logistics Machinery Marine Materials Media Metals Motors Networks Nurseries Optics
    Outfitters Packaging Paper Pharmacy Plastics Press Robotics Seeds Software Systems Textiles Timber Tools
    Travel"""
)
FIRST_NAMES = _words(
    """Ada Alba Amir Anna Arlo Bela Bruno Cara Carl Clara Dana Dario Edda Elias Emil Enzo Erin Esme Fay Felix Finn
    Flora Gita Hana Hugo Ida Ines Ivo Jade Jonas Kaya Kira Lars Lea Leo Lina Luca Mara Marek Mila Mona Nadia
    Nils Nora Olga Omar Otto Pia Rafa Rhea Rosa Ruben Sami Sara Silas Sofia Tara Theo Tilda Uma Vera Viktor Yara
    Zeno"""
)
LAST_NAMES = _words(
    """Alder Aspen Barley Beech Bramble Briar Clover Cress Dale Dock Elder Elm Fennel Finch Flax Frost Gorse Hail
    Hawthorn Heather Heron Hollow Ivy Juniper Kestrel Lark Larch Laurel Linden Linnet Lupin Mallow Maple Marsh
    Martin Mint Moss Nettle Oak Olive Pine Plover Poplar Quill Rain Reed Robin Rowan Rush Rye Sage Sorrel
    Sparrow Spruce Starling Stork Swift Tansy Teasel Thistle Thorn Vetch Wren Yarrow"""
)

COUNTRIES = (
    Country(
        "GBR",
        "GB",
        "United Kingdom",
        "GBP",
        "+44",
        Decimal("0.20"),
        ("Ltd", "plc"),
        ("Road", "Street", "Lane"),
        (("Hull", "East Yorkshire", "HU"), ("Leeds", "West Yorkshire", "LS"), ("Cardiff", "Glamorgan", "CF")),
        2,
        " 1AA",
    ),
    Country(
        "USA",
        "US",
        "United States",
        "USD",
        "+1",
        Decimal("0.08"),
        ("Inc", "LLC", "Corp"),
        ("Avenue", "Street", "Drive"),
        (("Austin", "Texas", "787"), ("Denver", "Colorado", "802"), ("Portland", "Oregon", "972")),
        2,
    ),
    Country(
        "DEU",
        "DE",
        "Germany",
        "EUR",
        "+49",
        Decimal("0.19"),
        ("GmbH", "AG"),
        ("Weg", "Allee", "Platz"),
        (("Köln", "Nordrhein-Westfalen", "50"), ("München", "Bayern", "80"), ("Kiel", "Schleswig-Holstein", "24")),
        3,
    ),
    Country(
        "FRA",
        "FR",
        "France",
        "EUR",
        "+33",
        Decimal("0.20"),
        ("SAS", "SARL"),
        ("Quai", "Passage", "Boulevard"),
        (("Lyon", "Auvergne-Rhône-Alpes", "69"), ("Nantes", "Pays de la Loire", "44")),
        3,
    ),
    Country(
        "CAN",
        "CA",
        "Canada",
        "CAD",
        "+1",
        Decimal("0.13"),
        ("Inc", "Ltd"),
        ("Crescent", "Street", "Road"),
        (("Toronto", "Ontario", "M"), ("Ottawa", "Ontario", "K")),
        1,
        "A 1B2",
    ),
    Country(
        "AUS",
        "AU",
        "Australia",
        "AUD",
        "+61",
        Decimal("0.10"),
        ("Pty Ltd",),
        ("Parade", "Street", "Terrace"),
        (("Sydney", "New South Wales", "20"), ("Perth", "Western Australia", "60")),
        2,
    ),
)
