#include "support/pccs_stub.hpp"

#include <fmt/core.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::test {
namespace {

std::string seconds_text(std::chrono::sys_seconds time) {
  std::string text = core::to_rfc3339(time);
  return text.replace(text.find('.'), 4, "");
}

}  // namespace

std::string empty_crl(std::chrono::sys_seconds next_update) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> crl(X509_CRL_new(), X509_CRL_free);
  const std::unique_ptr<X509_NAME, decltype(&X509_NAME_free)> name(X509_NAME_new(), X509_NAME_free);
  const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> begin(ASN1_TIME_set(nullptr, 0), ASN1_TIME_free);
  const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> end(
      ASN1_TIME_set(nullptr, next_update.time_since_epoch().count()), ASN1_TIME_free);
  X509_CRL_set_version(crl.get(), 1);
  X509_CRL_set_issuer_name(crl.get(), name.get());
  X509_CRL_set1_lastUpdate(crl.get(), begin.get());
  X509_CRL_set1_nextUpdate(crl.get(), end.get());
  X509_CRL_sign(crl.get(), key.get(), EVP_sha256());
  unsigned char* der = nullptr;
  const int size = i2d_X509_CRL(crl.get(), &der);
  std::string bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

PccsBodies PccsBodies::until(std::chrono::sys_seconds next_update, const std::string& fmspc) {
  PccsBodies bodies;
  const std::string end = seconds_text(next_update);
  bodies.tcb_info =
      fmt::format(R"({{"id":"TDX","version":3,"nextUpdate":"{}","fmspc":"{}","text":"\"}},{{ "}})", end, fmspc);
  bodies.qe_identity = fmt::format(R"({{"id":"TD_QE","version":2,"nextUpdate":"{}"}})", end);
  bodies.pck_crl = empty_crl(next_update);
  bodies.root_crl = empty_crl(next_update);
  return bodies;
}

std::map<std::string, Reply> PccsBodies::replies() const {
  const std::string encoded = net::percent_encode(chain);
  const auto signed_body = [](const std::string& name, const std::string& text, const std::string& signature) {
    return "{\"" + name + "\":" + text + ",\"signature\":\"" + signature + "\"}";
  };
  return {{"GET /tdx/certification/v4/tcb",
           Reply::with(200, signed_body("tcbInfo", tcb_info, tcb_signature), {{"TCB-Info-Issuer-Chain", encoded}})},
          {"GET /tdx/certification/v4/qe/identity",
           Reply::with(200, signed_body("enclaveIdentity", qe_identity, qe_signature),
                       {{"SGX-Enclave-Identity-Issuer-Chain", encoded}})},
          {"GET /sgx/certification/v4/pckcrl", Reply::with(200, pck_crl, {{"SGX-PCK-CRL-Issuer-Chain", encoded}})},
          {"GET /sgx/certification/v4/rootcacrl", Reply::with(200, core::to_hex(core::as_bytes(root_crl)))}};
}

}  // namespace skill_verifier::test
