"""Applications on this machine: installed, updated and removed by their own commands."""
