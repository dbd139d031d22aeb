"""One file a screen; its look lies beside it."""
