//! Rules and waivers: facts and policy to decisions. No I/O.
