"""The airtime room: what was collected, reconciled with the plan, and summed into reports."""
