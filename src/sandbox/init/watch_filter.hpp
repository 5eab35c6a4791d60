#pragma once

namespace skill_verifier::sandbox::guest {

/// In the child, after it has become the job's user for good: from here on the kernel shows every call of this process
/// and its children that creates, changes or removes a file by name, or names a peer of a socket, to whoever holds the
/// listener, and waits for its answer. The listener goes to `channel`; where the kernel cannot do this, a message
/// without one. No process can take the filter off again.
void install_watch(int channel);

}  // namespace skill_verifier::sandbox::guest
