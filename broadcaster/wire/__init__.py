"""What crosses the wire between centre and station: day plan, journal, receipt, status, signature."""
