"""The list of honest people who look like fraud. A new one is a function beside its kind and a line there."""

from tracker.fraud.simulation.confounders import gatherings, homes, ways

CONFOUNDERS = (*homes.CONFOUNDERS, *gatherings.CONFOUNDERS, *ways.CONFOUNDERS)
