"""What the shop is notified of, and what comes back: webhooks and appeals."""
