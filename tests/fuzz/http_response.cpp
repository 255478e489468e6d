// The client's reader of answers. Choice 0: the request was HEAD. Choice 1: the connection ends behind the
// bytes. Choices 2 and 3: the limits. Choice 4: the request was CONNECT.
#include "fuzz.hpp"

#include <hdikafka/detail/http/response_parser.hpp>

#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using fuzz::require;
using hdikafka::detail::equals_ignoring_case;
using hdikafka::detail::response_parser;

/// All that can be seen of the parser.
struct answer
{
    bool done = false;
    bool failed = false;
    bool started = false;
    bool header_done = false;
    bool keep_alive = false; ///< Also false when bytes were left over.
    bool tunnel = false;
    hdikafka::errc fault = {};
    std::string cause;
    int status = 0;
    std::optional<std::chrono::seconds> timeout;
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;

    bool operator==(answer const&) const = default;
};

answer read(fuzz::steered_input const& input, std::string_view text, fuzz::piece_sizes const& sizes,
            hdikafka::http_limits const& limits)
{
    response_parser parser(limits, input.choice(0));
    if (input.choice(4))
        parser.expect_tunnel();
    auto const taken = fuzz::feed(parser, text, sizes, [] {});
    if (input.choice(1))
        parser.finish_eof();
    answer seen;
    seen.done = parser.done();
    seen.failed = parser.failed();
    seen.started = parser.started();
    seen.header_done = parser.header_done();
    seen.keep_alive = parser.keep_alive() && taken == text.size();
    seen.fault = parser.fault();
    seen.cause = parser.cause();
    seen.status = parser.status();
    seen.tunnel = parser.is_tunnel();
    if (seen.tunnel && taken != text.size()) {
        // The parser takes bytes behind such an answer for a fault when they come together with it; those
        // that come later are for whoever reads in the tunnel.
        seen.tunnel = seen.done = false;
        seen.failed = true;
        seen.fault = hdikafka::errc::unexpected_bytes;
    }
    if (seen.fault == hdikafka::errc::unexpected_bytes)
        seen.cause = "bytes behind the answer";
    seen.timeout = parser.keep_alive_timeout();
    if (!seen.done)
        return seen;
    auto const response = parser.take();
    require(response.status == seen.status, "the answer has the parser's status");
    for (std::size_t i = 0; i != response.field_count(); ++i)
        seen.fields.emplace_back(response.field_name(i), response.field_value(i));
    seen.body = response.body_text();
    return seen;
}

/// The fields of an answer that was read may not say anything else about the body than what it is.
void check_framing(answer const& seen)
{
    bool chunked = false;
    bool counted = false;
    bool coded = false;
    std::optional<std::uint64_t> length; // of the first of several, which are the same
    for (auto const& [name, value] : seen.fields) {
        require(hdikafka::detail::is_token(name), "a field's name is a token");
        for (char const c : value)
            require((c >= ' ' && c != 0x7f) || c < 0 || c == '\t', "a field has no control character");
        chunked = chunked || equals_ignoring_case(name, "transfer-encoding");
        coded = coded || equals_ignoring_case(name, "content-encoding");
        if (!equals_ignoring_case(name, "content-length"))
            continue;
        counted = true;
        auto const [end, failure] =
            std::from_chars(value.data(), value.data() + value.size(), length.emplace());
        require(failure == std::errc(), "a length is a number");
    }
    // The coded body of an error is left unread, and its connection with it.
    bool const left = coded && seen.status >= 400 && seen.body.empty() && !seen.keep_alive;
    require(left || !length || length == seen.body.size(), "the body is as long as announced");
    require(!(chunked && counted), "Content-Length and Transfer-Encoding do not come together");
    require(chunked || counted || !seen.keep_alive, "a body until the connection's end is the last");
}

void check(answer const& seen, fuzz::steered_input const& input)
{
    require(!(seen.done && seen.failed), "an answer is not both complete and wrong");
    require(seen.failed == (seen.fault != hdikafka::errc()), "a fault has a code, and nothing else has");
    require(seen.failed == !seen.cause.empty(), "a fault has a sentence, and nothing else has");
    require(!seen.keep_alive || seen.done, "only a complete answer keeps the connection");
    require(!(input.choice(1) && input.text().empty()) || seen.failed, "no answer is a fault");
    require(!input.choice(1) || seen.done || seen.failed, "nothing is open when the connection has ended");
    if (!seen.done)
        return;
    require(seen.status >= 200 && seen.status <= 999, "the answer is the final one");
    require(seen.fields.size() <= input.limits().field_count(), "the number of fields is bounded");
    require(seen.body.size() <= input.limits().body(), "the body is bounded");
    require(seen.tunnel == (input.choice(4) && seen.status < 300), "2xx to CONNECT opens a tunnel");
    if (seen.tunnel)
        require(seen.body.empty() && !seen.keep_alive, "a tunnel has no body and no next answer");
    else if (input.choice(0) || seen.status == 204 || seen.status == 304)
        require(seen.body.empty(), "HEAD, 204 and 304 have no body");
    else
        check_framing(seen);
}

/// An interim answer before the bytes leaves no trace.
void check_interim(answer const& seen, fuzz::steered_input const& input)
{
    if (input.choice(3) || input.text().empty())
        return;
    auto limits = input.limits();
    limits.interim(limits.interim() + 1);
    std::string const text = "HTTP/1.1 103 \r\nConnection: close\r\n\r\n" + std::string(input.text());
    require(read(input, text, input.pieces(), limits) == seen, "an interim answer changes nothing");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::steered_input const input(data, size);
    auto const seen = same_for_every_split(
        input, [&](auto const& sizes) { return read(input, input.text(), sizes, input.limits()); });
    check(seen, input);
    check_interim(seen, input);
    return 0;
}
