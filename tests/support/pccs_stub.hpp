#pragma once

#include <chrono>
#include <map>
#include <string>

#include "support/scripted_server.hpp"

namespace skill_verifier::test {

/// What a PCCS serves about one platform. Forms and dates are right, the signatures are not Intel's.
struct PccsBodies {
  std::string tcb_info;
  std::string tcb_signature = std::string(128, 'a');
  std::string qe_identity;
  std::string qe_signature = std::string(128, 'b');
  std::string pck_crl;   ///< DER
  std::string root_crl;  ///< DER; served as hex
  std::string chain = "-----BEGIN CERTIFICATE-----\nQUJD+/==\n-----END CERTIFICATE-----\n";

  /// All of it ends at `next_update`.
  static PccsBodies until(std::chrono::sys_seconds next_update, const std::string& fmspc = "90C06F000000");
  /// By "GET /path", for `routes`.
  std::map<std::string, Reply> replies() const;
};

/// An empty CRL of a key made for it.
std::string empty_crl(std::chrono::sys_seconds next_update);

}  // namespace skill_verifier::test
