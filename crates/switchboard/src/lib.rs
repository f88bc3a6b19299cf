//! A WebSocket server whose connections outlive its code.
