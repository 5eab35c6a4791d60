#pragma once

#include <string>
#include <string_view>

namespace skill_verifier::http {

struct DocsPage {
  std::string html;                     ///< complete in itself: no script, nothing fetched from elsewhere
  std::string content_security_policy;  ///< allows exactly the page's own style sheet
};

/// The page at /docs, made from an OpenAPI 3.1 document. The document is part of this program; one that is not as
/// expected is a bug and throws.
DocsPage render_docs(std::string_view openapi);

/// Embedded at build time: openapi.json and docs.css.
extern const std::string_view kOpenapiText;
extern const std::string_view kDocsStyle;

}  // namespace skill_verifier::http
