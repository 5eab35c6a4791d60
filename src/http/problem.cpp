#include "http/problem.hpp"

namespace skill_verifier::http {
namespace {

constexpr int kRetryAfter = 5;

int status_of(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
      return 400;
    case Errc::not_found:
      return 404;
    case Errc::conflict:
      return 409;
    case Errc::rejected:
      return 422;
    case Errc::too_large:
      return 413;
    case Errc::unsupported:
      return 415;
    case Errc::overloaded:
    case Errc::unavailable:
    case Errc::cancelled:
      return 503;
    case Errc::timed_out:
      return 504;
    case Errc::internal:
      return 500;
  }
  return 500;
}

}  // namespace

Problem::Problem(const Error& failure) : Problem(status_of(failure.code), failure.id, failure.message, failure.hint) {
  if (status == 503) retry_after = kRetryAfter;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 302:
      return "Found";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

}  // namespace skill_verifier::http
