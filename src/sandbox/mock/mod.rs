//! Mock GP systems, trace service and EHR, over real sockets, with writers of their own.
