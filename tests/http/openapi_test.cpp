#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "http/docs_page.hpp"
#include "http/gate.hpp"
#include "http/router.hpp"
#include "http/test_server.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/sha2.hpp"
#include "skill_verifier/http/server.hpp"

namespace skill_verifier::http {
namespace {

using core::Json;

const Json& document() {
  static const Json parsed = *core::parse_json(openapi_json());
  return parsed;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](char c) { return static_cast<char>(::tolower(c)); });
  return result;
}

void collect_references(const Json& value, std::set<std::string>& references) {
  if (value.is_object() && value.contains("$ref")) references.insert(value["$ref"].get<std::string>());
  if (value.is_structured()) {
    for (const Json& child : value)
      collect_references(child, references);
  }
}

TEST(Openapi, DescribesEveryRouteAndNoOther) {
  EXPECT_EQ(document()["openapi"], "3.1.0");
  std::set<std::string> described, routed;
  for (const auto& [path, item] : document()["paths"].items()) {
    for (const auto& [method, operation] : item.items())
      described.insert(method + " " + path);
  }
  for (const Route& route : routes())
    routed.insert(lower(route.method) + " " + std::string(route.path));
  EXPECT_EQ(described, routed);
}

TEST(Openapi, ResolvesEveryReferenceAndUsesEveryComponent) {
  std::set<std::string> references;
  collect_references(document(), references);
  for (const std::string& reference : references)
    EXPECT_TRUE(document().contains(Json::json_pointer(reference.substr(1)))) << reference;
  for (const auto& [kind, components] : document()["components"].items()) {
    if (kind == "securitySchemes") continue;  // named, not referred to
    for (const auto& [name, component] : components.items())
      EXPECT_TRUE(references.contains("#/components/" + kind + "/" + name)) << kind << "/" << name;
  }
}

TEST(Openapi, NamesEachOperationOnceAndDescribesItsAnswers) {
  std::set<std::string> ids;
  for (const auto& [path, item] : document()["paths"].items()) {
    for (const auto& [method, operation] : item.items()) {
      EXPECT_TRUE(ids.insert(operation["operationId"].get<std::string>()).second) << path;
      EXPECT_FALSE(operation["summary"].get<std::string>().empty()) << path;
      EXPECT_GE(operation["responses"].size(), 1u) << path;
      const bool has_id = path.find("{jobId}") != std::string::npos;
      const Json& parameters = operation.value("parameters", Json::array());
      const bool described = std::any_of(parameters.begin(), parameters.end(), [](const Json& parameter) {
        return parameter.value("$ref", "") == "#/components/parameters/jobId";
      });
      EXPECT_EQ(has_id, described) << path;
    }
  }
}

/// What the gate answers (gate.hpp), whatever lies behind it.
TEST(Openapi, DeclaresTheRefusalsOfTheGateWhereThereIsOne) {
  const std::pair<const char*, const char*> refusals[] = {
      {"401", "Unauthorized"}, {"403", "Forbidden"}, {"429", "RateLimited"}, {"503", "Unavailable"}};
  for (const Route& route : routes()) {
    const std::string method = lower(route.method), path(route.path);
    const Json& responses = document()["paths"][path][method]["responses"];
    if (operation_of(route.action) == auth::Operation::open) {
      for (const char* status : {"401", "403", "429"})
        EXPECT_FALSE(responses.contains(status)) << method << " " << path << " " << status;
      continue;
    }
    EXPECT_TRUE(responses.contains("400")) << method << " " << path << ": two keys in one request";
    for (const auto& [status, name] : refusals) {
      const std::string reference = "#/components/responses/" + std::string(name);
      const std::string declared = responses.value(status, Json::object()).value("$ref", "none");
      EXPECT_EQ(declared, reference) << method << " " << path << " " << status;
    }
  }
}

TEST(Openapi, DeclaresABatchUnderAnotherBatchsKey) {
  EXPECT_TRUE(document()["paths"]["/verify/batch"]["post"]["responses"].contains("422"));
}

/// Whether `value` has the members that a schema requires and no top-level member that it does not know.
void expect_conforms(const Json& value, const std::string& schema_name) {
  const Json& schema = document()["components"]["schemas"][schema_name];
  for (const Json& name : schema["required"])
    EXPECT_TRUE(value.contains(name.get<std::string>())) << schema_name << " without " << name;
  for (const auto& [name, member] : value.items()) {
    ASSERT_TRUE(schema["properties"].contains(name)) << schema_name << " has no " << name;
    const Json& property = schema["properties"][name];
    if (property.contains("$ref") && member.is_object()) {
      const std::string reference = property["$ref"].get<std::string>();
      expect_conforms(member, reference.substr(reference.rfind('/') + 1));
    }
  }
}

TEST(Openapi, ExamplesConformToTheirSchemas) {
  int examples = 0;
  const auto check = [&examples](const Json& content) {
    for (const auto& [type, media] : content.items()) {
      if (!media.contains("example") || !media["schema"].contains("$ref")) continue;
      const std::string reference = media["schema"]["$ref"].get<std::string>();
      expect_conforms(media["example"], reference.substr(reference.rfind('/') + 1));
      ++examples;
    }
  };
  for (const auto& [path, item] : document()["paths"].items()) {
    for (const auto& [method, operation] : item.items()) {
      if (operation.contains("requestBody")) check(operation["requestBody"]["content"]);
      for (const auto& [status, response] : operation["responses"].items())
        check(response.value("content", Json::object()));
    }
  }
  for (const auto& [name, response] : document()["components"]["responses"].items())
    check(response["content"]);
  EXPECT_GE(examples, 8);
}

TEST(DocsPage, ShowsEveryOperationParameterAndSchema) {
  const DocsPage page = render_docs(openapi_json());
  for (const auto& [path, item] : document()["paths"].items()) {
    for (const auto& [method, operation] : item.items()) {
      const std::string id = operation["operationId"].get<std::string>();
      EXPECT_NE(page.html.find("<section id=\"" + id + "\""), std::string::npos) << id;
      EXPECT_NE(page.html.find("href=\"#" + id + "\""), std::string::npos) << id;
    }
  }
  for (const auto& [name, schema] : document()["components"]["schemas"].items())
    EXPECT_NE(page.html.find("id=\"schema-" + name + "\""), std::string::npos) << name;
  for (const char* text : {"<code>wait</code>", "<code>cursor</code>", "<code>nonce</code>", "<code>422</code>"})
    EXPECT_NE(page.html.find(text), std::string::npos) << text;
}

TEST(DocsPage, NeedsNothingFromOutside) {
  const DocsPage page = render_docs(openapi_json());
  for (const char* text : {"<script", "<link", "<img", "src=", "@import", "url(", "http://"})
    EXPECT_EQ(page.html.find(text), std::string::npos) << text;
  const std::string style = core::to_base64(core::sha256(core::as_bytes(kDocsStyle)));
  EXPECT_NE(page.html.find("<style>" + std::string(kDocsStyle) + "</style>"), std::string::npos);
  EXPECT_NE(page.content_security_policy.find("'sha256-" + style + "'"), std::string::npos);
  EXPECT_TRUE(page.content_security_policy.starts_with("default-src 'none'"));
}

TEST(DocsPage, EscapesWhatItShows) {
  const DocsPage page = render_docs(
      R"({"info":{"title":"<a&\"b>","version":"1","description":"x `<i>` y"},"paths":{},"components":{"schemas":{}}})");
  EXPECT_NE(page.html.find("&lt;a&amp;&quot;b&gt;"), std::string::npos);
  EXPECT_NE(page.html.find("x <code>&lt;i&gt;</code> y"), std::string::npos);
  EXPECT_EQ(page.html.find("<i>"), std::string::npos);
}

}  // namespace
}  // namespace skill_verifier::http
