"""connector: exchange feeds and orders for strategies on the same machine, through shared memory.

Two paths, and everything else serves them::

    market   socket → listener → codec → book → market ring + top table → strategy
    orders   strategy → command ring → gateway → risk → encode+sign → wire
             wire → tracker → journal → report ring → strategy
"""

__version__ = "0.1.0"
