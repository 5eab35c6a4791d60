#pragma once

#include <string>

namespace skill_verifier::test {

/// A CA made for one test run and a server certificate that it signed, all PEM.
struct TestCertificate {
  std::string ca;
  std::string certificate;
  std::string private_key;
};
/// For that DNS name, valid from an hour ago until tomorrow. Throws std::runtime_error.
TestCertificate make_test_certificate(const std::string& dns_name);

}  // namespace skill_verifier::test
