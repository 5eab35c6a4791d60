#include "http/docs_page.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::http {
namespace {

using core::OrderedJson;

std::string escape(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

/// Escaped text, with `this` in code type and an empty line between paragraphs: all the markup our descriptions use.
std::string prose(std::string_view text) {
  std::string result = "<p>";
  bool code = false;
  const std::string escaped = escape(text);
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    if (escaped[i] == '`') {
      result += code ? "</code>" : "<code>";
      code = !code;
    } else if (escaped.compare(i, 2, "\n\n") == 0) {
      result += "</p><p>";
      ++i;
    } else {
      result += escaped[i];
    }
  }
  return result + "</p>";
}

std::string text_of(const OrderedJson& object, const char* member) {
  return object.contains(member) ? object.at(member).get<std::string>() : std::string();
}

class Page {
 public:
  explicit Page(const OrderedJson& document) : document_(document) {}

  std::string render() {
    begin();
    contents();
    for (const auto& [path, item] : document_.at("paths").items()) {
      for (const auto& [method, operation] : item.items())
        show_operation(path, method, operation);
    }
    out_ += "<h2>Schemas</h2>";
    for (const auto& [name, schema] : document_.at("components").at("schemas").items()) {
      out_ += fmt::format("<h3 id=\"schema-{0}\"><code>{0}</code></h3>", escape(name));
      show_schema(schema);
    }
    return std::move(out_) + "</body></html>\n";
  }

 private:
  void begin() {
    const auto& info = document_.at("info");
    const std::string title = escape(text_of(info, "title"));
    out_ += fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title><meta name=\"viewport\" "
        "content=\"width=device-width, initial-scale=1\"><style>{}</style></head><body>",
        title, kDocsStyle);
    out_ += fmt::format(
        "<header><h1>{} <span class=\"version\">{}</span></h1>{}<p><a href=\"/openapi.json\">OpenAPI document</a></p>"
        "</header>",
        title, escape(text_of(info, "version")), prose(text_of(info, "description")));
  }

  void contents() {
    out_ += "<nav aria-label=\"Operations\"><ul>";
    for (const auto& [path, item] : document_.at("paths").items()) {
      for (const auto& [method, operation] : item.items())
        out_ += fmt::format("<li><a href=\"#{}\">{} <code>{}</code></a></li>",
                            escape(text_of(operation, "operationId")), badge(method), escape(path));
    }
    out_ += "</ul></nav>";
  }

  static std::string badge(const std::string& method) {
    std::string name = method;
    std::transform(name.begin(), name.end(), name.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
    return fmt::format("<span class=\"method {}\">{}</span>", escape(method), escape(name));
  }

  void show_operation(const std::string& path, const std::string& method, const OrderedJson& operation) {
    out_ += fmt::format("<section id=\"{}\"><h2>{} <code>{}</code></h2><p><strong>{}</strong></p>",
                        escape(text_of(operation, "operationId")), badge(method), escape(path),
                        escape(text_of(operation, "summary")));
    if (operation.contains("description")) out_ += prose(text_of(operation, "description"));
    if (operation.contains("parameters")) show_parameters(operation.at("parameters"));
    if (operation.contains("requestBody")) {
      out_ += "<h4>Body</h4>";
      show_content(operation.at("requestBody").at("content"));
    }
    out_ += "<h4>Answers</h4><table>";
    for (const auto& [status, given] : operation.at("responses").items()) {
      const OrderedJson& response = given.contains("$ref") ? referenced(given) : given;
      out_ +=
          fmt::format("<tr><td><code>{}</code></td><td>{}", escape(status), prose(text_of(response, "description")));
      if (response.contains("content")) show_content(response.at("content"));
      out_ += "</td></tr>";
    }
    out_ += "</table></section>";
  }

  void show_parameters(const OrderedJson& parameters) {
    out_ += "<h4>Parameters</h4><table>";
    for (const OrderedJson& given : parameters) {
      const OrderedJson& parameter = given.contains("$ref") ? referenced(given) : given;
      out_ += fmt::format("<tr><td><code>{}</code></td><td><span class=\"type\">{}, {}</span>{}</td></tr>",
                          escape(text_of(parameter, "name")), escape(text_of(parameter, "in")),
                          type_of(parameter.at("schema")), prose(text_of(parameter, "description")));
    }
    out_ += "</table>";
  }

  void show_content(const OrderedJson& content) {
    for (const auto& [type, media] : content.items()) {
      const OrderedJson& schema = media.at("schema");
      out_ += fmt::format("<p><code>{}</code> <span class=\"type\">{}</span></p>", escape(type), type_of(schema));
      if (!schema.contains("$ref")) show_schema(schema);
      if (media.contains("example")) show_example(media.at("example"));
    }
  }

  void show_example(const OrderedJson& example) {
    const std::string text = example.is_string() ? example.get<std::string>() : core::dump_json_pretty(example);
    out_ += fmt::format("<pre>{}</pre>", escape(text));
  }

  void show_schema(const OrderedJson& schema) {
    if (schema.contains("description")) out_ += prose(text_of(schema, "description"));
    if (!schema.contains("properties")) return;
    out_ += "<table>";
    for (const auto& [name, property] : schema.at("properties").items())
      out_ += fmt::format("<tr><td><code>{}</code></td><td><span class=\"type\">{}</span>{}</td></tr>", escape(name),
                          type_of(property), prose(text_of(property, "description")));
    out_ += "</table>";
  }

  std::string type_of(const OrderedJson& schema) const {
    if (schema.contains("$ref")) {
      const std::string name = last_segment(schema.at("$ref").get<std::string>());
      return fmt::format("<a href=\"#schema-{0}\">{0}</a>", escape(name));
    }
    if (schema.contains("enum")) {
      std::string values;
      for (const OrderedJson& value : schema.at("enum")) {
        if (!values.empty()) values += " | ";
        values += escape(core::dump_json(value));
      }
      return values;
    }
    if (!schema.contains("type")) return "any";
    std::string type;
    if (schema.at("type").is_string()) {
      type = schema.at("type").get<std::string>();
    } else {
      for (const OrderedJson& one : schema.at("type"))
        type += (type.empty() ? "" : " or ") + one.get<std::string>();
    }
    if (schema.contains("items")) return escape(type) + " of " + type_of(schema.at("items"));
    return escape(type);
  }

  const OrderedJson& referenced(const OrderedJson& reference) const {
    return document_.at(OrderedJson::json_pointer(reference.at("$ref").get<std::string>().substr(1)));
  }

  static std::string last_segment(const std::string& reference) { return reference.substr(reference.rfind('/') + 1); }

  const OrderedJson& document_;
  std::string out_;
};

}  // namespace

DocsPage render_docs(std::string_view openapi) {
  const OrderedJson document = OrderedJson::parse(openapi);
  DocsPage page;
  page.html = Page(document).render();
  page.content_security_policy = fmt::format(
      "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      core::to_base64(core::sha256(core::as_bytes(kDocsStyle))));
  return page;
}

}  // namespace skill_verifier::http
