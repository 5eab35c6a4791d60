#pragma once

#include "skill_verifier/dcap/evidence_bundle.hpp"

namespace skill_verifier::dcap {

/// Whether the bytes begin as a MessagePack map does.
bool begins_msgpack(ByteView attestation);
/// The "V1" form of parse_attestation.
Result<EvidenceBundle> parse_msgpack_attestation(ByteView attestation);

}  // namespace skill_verifier::dcap
