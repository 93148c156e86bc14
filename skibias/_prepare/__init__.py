"""From a table as it is given to rows, columns and targets as the engine reads them."""
