//! Evergrant.
