"""Commands that produce every figure the README states; none of this is part of the product."""
