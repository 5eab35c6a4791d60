#pragma once

#include <map>
#include <string>

#include "e2e/harness.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/net/http_client.hpp"
#include "support/scripted_server.hpp"

namespace skill_verifier::e2e {

/// A collateral as a PCCS serves it, byte for byte.
inline std::map<std::string, test::Reply> served_collateral(const Json& collateral) {
  const auto text = [&collateral](const char* name) { return collateral.at(name).get<std::string>(); };
  const auto chain = [&text](const char* name) { return net::percent_encode(text(name)); };
  const auto signed_body = [&text](const std::string& member, const char* name, const char* signature) {
    return "{\"" + member + "\":" + text(name) + ",\"signature\":\"" + text(signature) + "\"}";
  };
  const Bytes crl = core::parse_hex(text("pck_crl")).value();
  return {
      {"GET /tdx/certification/v4/tcb", test::Reply::with(200, signed_body("tcbInfo", "tcb_info", "tcb_info_signature"),
                                                          {{"TCB-Info-Issuer-Chain", chain("tcb_info_issuer_chain")}})},
      {"GET /tdx/certification/v4/qe/identity",
       test::Reply::with(200, signed_body("enclaveIdentity", "qe_identity", "qe_identity_signature"),
                         {{"SGX-Enclave-Identity-Issuer-Chain", chain("qe_identity_issuer_chain")}})},
      {"GET /sgx/certification/v4/pckcrl",
       test::Reply::with(200, std::string(crl.begin(), crl.end()),
                         {{"SGX-PCK-CRL-Issuer-Chain", chain("pck_crl_issuer_chain")}})},
      {"GET /sgx/certification/v4/rootcacrl", test::Reply::with(200, text("root_ca_crl"))}};
}

}  // namespace skill_verifier::e2e
