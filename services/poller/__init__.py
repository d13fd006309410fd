"""The poller: reads tags from simulators and recordings and puts PollingData on the DataQueue."""
