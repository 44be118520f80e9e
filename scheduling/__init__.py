"""Time: dosing plans become instants, windows and derived status. The pure half asks no clock and no database."""
