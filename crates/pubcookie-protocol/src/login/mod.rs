//! The login server's side of the protocol.
