// The emulator's reader of requests, which clients may send before the answer to the last one. Choices 2 and
// 3: the limits.
#include "fuzz.hpp"

#include <hdikafka/detail/emulator/message.hpp>
#include <hdikafka/detail/http/request_parser.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

namespace {

using fuzz::require;
using hdikafka::detail::request_parser;

struct request
{
    std::string method;
    std::string target;
    std::string host;
    std::string body;
    bool keep_alive = false;

    bool operator==(request const&) const = default;
};

/// What a server has seen of a connection.
struct connection
{
    std::vector<request> requests;
    int fault_status = 0;
    std::string cause;
    bool started = false; ///< A part of another request has come.
    bool header_done = false;
    bool expects_continue = false;

    bool operator==(connection const&) const = default;
};

connection serve(std::string_view text, fuzz::piece_sizes const& sizes, hdikafka::http_limits const& limits)
{
    request_parser reader(limits);
    connection seen;
    auto const collect = [&] {
        while (reader.done()) {
            seen.requests.push_back({std::string(reader.method()), std::string(reader.target()),
                                     std::string(reader.field("host").value_or("")),
                                     std::string(reader.body()), reader.keep_alive()});
            reader.reset();
        }
    };
    fuzz::feed(reader, text, sizes, collect);
    seen.fault_status = reader.failed() ? reader.fault_status() : 0;
    seen.cause = reader.cause();
    seen.started = reader.started();
    seen.header_done = reader.header_done();
    seen.expects_continue = reader.expects_continue();
    return seen;
}

void check(request const& one, hdikafka::http_limits const& limits)
{
    require(hdikafka::detail::is_token(one.method), "a method is a token");
    require(one.target.starts_with('/'), "a target is in origin form");
    require(!one.host.empty(), "a request has a Host");
    require(one.body.size() <= limits.body(), "a body is bounded");
    if (auto const target = hdikafka::detail::emulation::parse_target(one.target))
        require(!target->segments.empty(), "a path has a segment");

    // Another reader agrees on where each text begins and ends.
    auto const again = serve(one.method + " " + one.target + " HTTP/1.1\r\nHost: " + one.host +
                                 "\r\nContent-Length: " + std::to_string(one.body.size()) + "\r\n" +
                                 (one.keep_alive ? "" : "Connection: close\r\n") + "\r\n" + one.body,
                             fuzz::whole, hdikafka::http_limits());
    require(again.requests == std::vector{one}, "a request that is written again reads the same");
}

/// A request before the bytes leaves no trace.
void check_next(connection const& seen, fuzz::steered_input const& input)
{
    if (input.choice(3) && !input.choice(2))
        return; // no limit would let it pass
    auto const text =
        "\r\nGET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + std::string(input.text());
    auto both = serve(text, input.pieces(), input.limits());
    require(!both.requests.empty(), "a request that is followed by something is read");
    both.requests.erase(both.requests.begin());
    require(both == seen, "a request changes nothing about the next one");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::steered_input const input(data, size);
    auto const seen = same_for_every_split(
        input, [&](auto const& sizes) { return serve(input.text(), sizes, input.limits()); });
    constexpr std::array statuses{0, 400, 413, 414, 431, 501, 505};
    require(std::ranges::find(statuses, seen.fault_status) != statuses.end(), "a fault has a known status");
    require((seen.fault_status != 0) == !seen.cause.empty(), "a fault has a sentence, and nothing else has");
    for (auto const& one : seen.requests)
        check(one, input.limits());
    check_next(seen, input);
    return 0;
}
