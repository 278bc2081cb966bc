//! `key_set` of `sluice::fuzzing`.

#![no_main]

sluice_fuzz::target!(other key_set);
