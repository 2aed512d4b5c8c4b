"""WebhookDelivery: one event on its way to one endpoint, tried again over days by the activity's own delays."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.contracts import DeliveryRef
    from activities.interfaces import DeliverySteps
    from activities.options import DELIVERY
    from core import names


@workflow.defn(name=names.WEBHOOK_DELIVERY)
class WebhookDelivery:
    """One delivery."""

    @workflow.run
    async def run(self, delivery: DeliveryRef) -> str:
        """Deliver; return `delivered`, `failed` or why nothing was sent."""
        outcome = await workflow.execute_activity_method(
            DeliverySteps.deliver_webhook, delivery, summary=delivery.delivery_id, **DELIVERY
        )
        workflow.set_current_details(outcome)
        return outcome
