#include "net/response_reader.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <limits>
#include <optional>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::net {
namespace {

namespace http = boost::beast::http;
using boost::beast::string_view;
using ErrorCode = boost::beast::error_code;

constexpr int kMaxInterimResponses = 8;
// The end of a chunked body. Beast 1.81 stops the program on an assertion when it sees less of a last chunk at first.
constexpr std::size_t kShortestChunkedEnd = 5;

bool is_chunked(string_view value) {
  return boost::beast::iequals(value, "chunked");
}

/// Collects what Beast's parser reports into a Response.
class Parser final : public http::basic_parser<false> {
 public:
  explicit Parser(const ResponseReader::Options& options) : options_(options) {
    const std::size_t most = std::numeric_limits<std::uint32_t>::max();
    header_limit(static_cast<std::uint32_t>(std::min(options.header_bytes, most)));
    body_limit(options.body_bytes);
    skip(options.head_request);
  }

  Response response;
  bool stopped = false;
  bool foreign_framing = false;

  bool interim() const { return response.status / 100 == 1 && response.status != 101; }

 private:
  void on_request_impl(http::verb, string_view, string_view, int, ErrorCode&) override {}

  void on_response_impl(int status, string_view, int version, ErrorCode& error) override {
    if (status < 100) error = http::error::bad_status;  // Beast takes any three digits
    response.status = status;
    version_ = version;
    streaming_ = options_.on_chunk && status < 400;
    if (streaming_) body_limit(boost::none);
  }

  void on_field_impl(http::field field, string_view name, string_view value, ErrorCode& error) override {
    if (in_body_) return;  // trailers mean nothing to this client
    if (field == http::field::transfer_encoding && (!is_chunked(value) || version_ < 11)) {
      foreign_framing = true;
      error = http::error::bad_transfer_encoding;
      return;
    }
    response.headers.emplace_back(std::string(name), std::string(value));
  }

  void on_header_impl(ErrorCode&) override { in_body_ = true; }
  void on_body_init_impl(boost::optional<std::uint64_t> const&, ErrorCode&) override {}

  std::size_t take(string_view bytes, ErrorCode& error) {
    if (!streaming_) {
      response.body.append(bytes.data(), bytes.size());
    } else if (!bytes.empty() && !options_.on_chunk({bytes.data(), bytes.size()})) {
      stopped = true;
      error = http::error::end_of_stream;
    }
    return bytes.size();
  }
  std::size_t on_body_impl(string_view bytes, ErrorCode& error) override { return take(bytes, error); }
  void on_chunk_header_impl(std::uint64_t, string_view, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, ErrorCode& error) override {
    return take(bytes, error);
  }
  void on_finish_impl(ErrorCode&) override {}

  const ResponseReader::Options& options_;
  int version_ = 11;
  bool streaming_ = false;
  bool in_body_ = false;
};

}  // namespace

struct ResponseReader::Impl {
  explicit Impl(Options given) : options(std::move(given)) { parser.emplace(options); }

  Error explain(const ErrorCode& error) const {
    if (parser->stopped) return Error{Errc::cancelled, "the receiver of the body asked for no more"};
    if (error == http::error::header_limit) {
      return too_large("header", options.header_bytes);
    }
    if (error == http::error::body_limit) return too_large("body", options.body_bytes);
    return invalid(error.message());
  }
  static Error too_large(std::string_view part, std::size_t limit) {
    return Error{Errc::too_large, "response_too_large",
                 "response " + std::string(part) + " is longer than " + std::to_string(limit) + " bytes"};
  }
  static Error invalid(const std::string& why) {
    return Error{Errc::unavailable, "response_invalid", "not a valid HTTP response: " + why};
  }

  /// Beast looks at a header only when it is complete; something else than HTTP might never complete one.
  bool speaks_http() const {
    constexpr std::string_view kStart = "HTTP/1.";
    const std::size_t size = std::min(kStart.size(), pending.size());
    const bool start_line_read = parser->response.status != 0;
    return start_line_read || pending.compare(0, size, kStart, 0, size) == 0;
  }

  bool paused() const { return options.stop_at_header && parser->is_header_done(); }

  Result<void> parse() {
    if (!speaks_http()) return invalid("it begins with \"" + core::shorten(pending, 16) + "\"");
    std::size_t used = 0;
    while (used < pending.size() && !paused() && !parser->is_done()) {
      const std::size_t left = pending.size() - used;
      if (parser->is_header_done() && parser->chunked() && left < kShortestChunkedEnd) break;
      ErrorCode error;
      used += parser->put(boost::asio::buffer(pending.data() + used, left), error);
      if (error && error != http::error::need_more) return explain(error);
      if (parser->is_header_done() && parser->interim()) {
        if (++interim_responses > kMaxInterimResponses) return invalid("too many interim responses");
        parser.emplace(options);
        continue;
      }
      if (error) break;
    }
    pending.erase(0, used);
    // What is left is an incomplete header or chunk header; a body is never kept here.
    if (!paused() && !parser->is_done() && pending.size() > options.header_bytes) {
      return too_large("header", options.header_bytes);
    }
    return {};
  }

  Options options;
  std::optional<Parser> parser;
  std::string pending;
  int interim_responses = 0;
  bool started = false;
};

ResponseReader::ResponseReader(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
ResponseReader::~ResponseReader() = default;

Result<void> ResponseReader::feed(std::string_view bytes) {
  impl_->started = impl_->started || !bytes.empty();
  impl_->pending.append(bytes);
  return impl_->parse();
}

Result<void> ResponseReader::feed_end() {
  if (done()) return {};
  const std::string where = header_done() ? "in the middle of the body" : "before the end of the header";
  ErrorCode error;
  if (header_done() && impl_->pending.empty()) {
    impl_->parser->put_eof(error);
    if (!error && done()) return {};
  }
  return Error{Errc::unavailable, "connection_lost", "the connection ended " + where};
}

Result<void> ResponseReader::resume() {
  impl_->options.stop_at_header = false;
  return impl_->parse();
}

bool ResponseReader::started() const {
  return impl_->started;
}
bool ResponseReader::header_done() const {
  return impl_->parser->is_header_done();
}
bool ResponseReader::done() const {
  return impl_->parser->is_done();
}
bool ResponseReader::reusable() const {
  return done() && impl_->pending.empty() && impl_->parser->keep_alive() && impl_->parser->response.status != 101;
}
bool ResponseReader::has_length() const {
  return impl_->parser->chunked() || impl_->parser->content_length().has_value();
}
Response& ResponseReader::response() {
  return impl_->parser->response;
}
std::string ResponseReader::take_rest() {
  return std::move(impl_->pending);
}

}  // namespace skill_verifier::net
