#pragma once

#include <chrono>
#include <initializer_list>
#include <string_view>

#include "skill_verifier/core/bytes.hpp"

/// DER (X.690) as text is written: every function gives one complete value. Nothing checks that the result makes sense,
/// so that tests can also build what a certificate authority never would.
namespace test_pki::der {

using skill_verifier::Bytes;
using skill_verifier::ByteView;

Bytes tlv(std::uint8_t tag, ByteView content);
Bytes sequence(std::initializer_list<Bytes> values);
Bytes set(std::initializer_list<Bytes> values);
/// [`number`] EXPLICIT.
Bytes explicit_tag(std::uint8_t number, ByteView value);
Bytes boolean(bool value);
Bytes integer(std::int64_t value);
/// The magnitude, big-endian, as a non-negative INTEGER.
Bytes unsigned_integer(ByteView magnitude);
Bytes enumerated(std::uint8_t value);
Bytes null();
Bytes octet_string(ByteView value);
Bytes bit_string(ByteView value, std::uint8_t unused_bits = 0);
Bytes utf8_string(std::string_view value);
Bytes printable_string(std::string_view value);
Bytes ia5_string(std::string_view value);
/// Dotted form. Throws std::invalid_argument where it is not one.
Bytes object_identifier(std::string_view dotted);
/// UTCTime up to 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5).
Bytes time(std::chrono::sys_seconds value);

Bytes concat(std::initializer_list<Bytes> values);

}  // namespace test_pki::der
