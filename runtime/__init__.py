"""What worker and starter share: settings, logging, and the way to Temporal."""
