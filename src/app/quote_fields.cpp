#include "app/quote_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "skill_verifier/core/json.hpp"

namespace skill_verifier::app {
namespace {

using core::to_hex;

struct Bit {
  unsigned number;
  const char* name;
};
/// Intel TDX Module Base Architecture, TD ATTRIBUTES.
constexpr Bit kTdAttributes[] = {{0, "DEBUG"}, {27, "LASS"}, {28, "SEPT_VE_DISABLE"}, {29, "MIGRATABLE"}, {30, "PKS"},
                                 {31, "KL"},   {62, "TPA"},  {63, "PERFMON"}};
/// Intel SDM vol. 3D, ENCLAVE ATTRIBUTES.
constexpr Bit kSgxAttributes[] = {{0, "INIT"},           {1, "DEBUG"}, {2, "MODE64BIT"}, {4, "PROVISIONKEY"},
                                  {5, "EINITTOKEN_KEY"}, {6, "CET"},   {7, "KSS"},       {10, "AEXNOTIFY"}};

template <std::size_t Size>
std::uint64_t low_64_bits(const dcap::Field<Size>& field) {
  static_assert(Size >= 8);
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;)
    value = (value << 8) | field[i];
  return value;
}

/// Names of the bits that are set; a bit without a name is given by its number.
std::string bit_names(std::uint64_t value, std::span<const Bit> names) {
  std::vector<std::string> set;
  for (unsigned number = 0; number < 64; ++number) {
    if (((value >> number) & 1) == 0) continue;
    const auto named = std::ranges::find(names, number, &Bit::number);
    set.push_back(named != names.end() ? named->name : fmt::format("bit {}", number));
  }
  return set.empty() ? "none" : fmt::format("{}", fmt::join(set, " | "));
}

QuoteSection header_section(const dcap::QuoteHeader& header) {
  return {"Quote Header",
          {{"Version", std::to_string(header.version), ""},
           {"Attestation Key Type", std::to_string(header.attestation_key_type),
            header.attestation_key_type == 2 ? "ECDSA-256-with-P-256" : ""},
           {"TEE Type", fmt::format("{:#010x}", header.tee_type), header.tee_type == 0x81 ? "TDX" : ""},
           {"QE SVN", std::to_string(header.qe_svn), ""},
           {"PCE SVN", std::to_string(header.pce_svn), ""},
           {"QE Vendor ID", to_hex(header.qe_vendor_id), "Intel"},
           {"User Data", to_hex(header.user_data), ""}}};
}

QuoteSection body_section(const dcap::Quote& quote) {
  const auto& td = quote.td;
  const auto module = td.tee_tcb_svn[1] == 0 ? std::string("TDX module 1.0")
                                             : fmt::format("TDX module identity TDX_{:02X}", td.tee_tcb_svn[1]);
  QuoteSection section{
      "TD Quote Body",
      {{"TEE_TCB_SVN", to_hex(td.tee_tcb_svn), fmt::format("{}, SVN {}", module, td.tee_tcb_svn[0])},
       {"MRSEAM", to_hex(td.mr_seam), ""},
       {"MRSIGNERSEAM", to_hex(td.mr_signer_seam), ""},
       {"SEAMATTRIBUTES", to_hex(td.seam_attributes), ""},
       {"TDATTRIBUTES", to_hex(td.td_attributes), bit_names(low_64_bits(td.td_attributes), kTdAttributes)},
       {"XFAM", to_hex(td.xfam), ""},
       {"MRTD", to_hex(td.mr_td), ""},
       {"MRCONFIGID", to_hex(td.mr_config_id), ""},
       {"MROWNER", to_hex(td.mr_owner), ""},
       {"MROWNERCONFIG", to_hex(td.mr_owner_config), ""}}};
  for (std::size_t i = 0; i < td.rtmr.size(); ++i)
    section.fields.push_back({fmt::format("RTMR{}", i), to_hex(td.rtmr[i]), ""});
  section.fields.push_back({"REPORTDATA", to_hex(td.report_data), ""});
  if (td.tee_tcb_svn2) section.fields.push_back({"TEE_TCB_SVN_2", to_hex(*td.tee_tcb_svn2), ""});
  if (td.mr_service_td) section.fields.push_back({"MRSERVICETD", to_hex(*td.mr_service_td), ""});
  return section;
}

QuoteSection qe_section(const dcap::Quote& quote) {
  const auto& qe = quote.qe;
  return {"QE Report",
          {{"CPUSVN", to_hex(qe.cpu_svn), ""},
           {"MISCSELECT", fmt::format("{:#010x}", qe.misc_select), ""},
           {"ATTRIBUTES", to_hex(qe.attributes), bit_names(low_64_bits(qe.attributes), kSgxAttributes)},
           {"MRENCLAVE", to_hex(qe.mr_enclave), ""},
           {"MRSIGNER", to_hex(qe.mr_signer), ""},
           {"ISVPRODID", std::to_string(qe.isv_prod_id), ""},
           {"ISVSVN", std::to_string(qe.isv_svn), ""},
           {"REPORTDATA", to_hex(qe.report_data), ""}}};
}

QuoteSection certification_section(const dcap::Quote& quote) {
  QuoteSection section{"QE Certification Data",
                       {{"QE Report Signature", to_hex(quote.qe_report_signature), ""},
                        {"QE Authentication Data", to_hex(quote.qe_auth_data), ""},
                        {"Certification Data Type", "5", "PCK certificate chain"}}};
  static constexpr const char* kNames[] = {"PCK Leaf Certificate", "PCK CA Certificate", "Root CA Certificate"};
  for (std::size_t i = 0; i < quote.pck_chain.size(); ++i) {
    const auto digest = core::sha256(quote.pck_chain[i]);
    const bool intel = i + 1 == quote.pck_chain.size() && digest == dcap::intel_root_sha256();
    section.fields.push_back({i < std::size(kNames) ? kNames[i] : "Certificate",
                              fmt::format("{} bytes, SHA-256 {}", quote.pck_chain[i].size(), to_hex(digest)),
                              intel ? "Intel SGX Root CA" : ""});
  }
  return section;
}

}  // namespace

std::vector<QuoteSection> describe_quote(const dcap::Quote& quote) {
  std::vector<QuoteSection> sections{header_section(quote.header)};
  if (quote.header.version >= 5) {
    sections.push_back({"TD Quote Body Descriptor",
                        {{"TD Quote Body Type", std::to_string(quote.body_type),
                          quote.body_type == 3 ? "TD report 1.5" : "TD report 1.0"}}});
  }
  sections.push_back(body_section(quote));
  sections.push_back({"Quote Signature Data",
                      {{"Quote Signature", to_hex(quote.signature), ""},
                       {"ECDSA Attestation Key", to_hex(quote.attestation_key), ""}}});
  sections.push_back(qe_section(quote));
  sections.push_back(certification_section(quote));
  sections.push_back({"After the quote", {{"Zero bytes", std::to_string(quote.trailing_zeros), ""}}});
  return sections;
}

std::string to_text(const std::vector<QuoteSection>& sections) {
  std::string text;
  for (const auto& section : sections) {
    text += fmt::format("{}{}\n", text.empty() ? "" : "\n", section.name);
    for (const auto& field : section.fields) {
      text += fmt::format("  {:<24} {}{}\n", field.name, field.value,
                          field.meaning.empty() ? "" : fmt::format("  ({})", field.meaning));
    }
  }
  return text;
}

std::string to_json(const std::vector<QuoteSection>& sections) {
  auto json = core::OrderedJson::object();
  for (const auto& section : sections) {
    for (const auto& field : section.fields) {
      auto& member = json[section.name][field.name];
      if (field.meaning.empty()) {
        member = field.value;
      } else {
        member = core::OrderedJson{{"value", field.value}, {"meaning", field.meaning}};
      }
    }
  }
  return core::dump_json_pretty(json);
}

}  // namespace skill_verifier::app
