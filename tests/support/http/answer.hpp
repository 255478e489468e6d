// What response_parser makes of an answer, in every way of cutting it.
#ifndef HDIKAFKA_TESTS_SUPPORT_ANSWER_HPP
#define HDIKAFKA_TESTS_SUPPORT_ANSWER_HPP

#include "support/http/split.hpp"

#include <hdikafka/detail/http/response_parser.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

/// Everything that can be seen of a parser after it was fed.
class answer
{
public:
    bool done = false;
    bool failed = false;
    bool started = false;
    bool header_done = false;
    bool keep_alive = false; ///< Also false when bytes were left over.
    hdikafka::errc fault = {};
    std::string cause;
    int status = 0;
    std::optional<std::chrono::seconds> timeout;
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;

    bool operator==(answer const&) const = default;

    friend std::ostream& operator<<(std::ostream& out, answer const& a)
    {
        out << (a.done     ? "done"
                : a.failed ? "failed"
                           : "unfinished")
            << ", status " << a.status << ", " << (a.keep_alive ? "keep alive" : "close");
        if (a.failed)
            out << ", " << hdikafka::make_error_code(a.fault).message() << ": " << a.cause;
        for (auto const& [name, value] : a.fields)
            out << "\n  " << name << ": " << value;
        return out << "\n  body: " << a.body;
    }
};

/// How an answer is read: the test's part of the situation.
class reading
{
public:
    hdikafka::http_limits limits;
    bool head_request = false;
    bool eof = false; ///< The connection is closed cleanly behind the bytes.
};

inline answer read_pieces(pieces const& input, std::size_t size, reading const& how)
{
    hdikafka::detail::response_parser parser(how.limits, how.head_request);
    bool const all_taken = feed(parser, input) == size;
    if (how.eof)
        parser.finish_eof();
    answer seen;
    seen.done = parser.done();
    seen.failed = parser.failed();
    seen.started = parser.started();
    seen.header_done = parser.header_done();
    seen.keep_alive = parser.keep_alive() && all_taken;
    seen.fault = parser.fault();
    seen.cause = parser.cause();
    seen.status = parser.status();
    seen.timeout = parser.keep_alive_timeout();
    if (parser.done()) {
        auto const response = parser.take();
        CHECK(response.status == seen.status);
        for (std::size_t i = 0; i != response.field_count(); ++i)
            seen.fields.emplace_back(response.field_name(i), response.field_value(i));
        seen.body = response.body_text();
    }
    return seen;
}

inline answer read_answer(std::string_view bytes, reading const& how = {})
{
    return same_for_every_split(bytes,
                                [&](pieces const& input) { return read_pieces(input, bytes.size(), how); });
}

inline answer read_to_eof(std::string_view bytes, reading how = {})
{
    how.eof = true;
    return read_answer(bytes, how);
}

inline answer read_limited(std::string_view bytes, hdikafka::http_limits const& limits)
{
    reading how;
    how.limits = limits;
    return read_answer(bytes, how);
}

/// The answer is refused with this code, and is never taken for a shorter one: not by the connection's end
/// either, which completes no answer after a fault.
inline void check_refused(std::string const& bytes, hdikafka::errc code)
{
    CAPTURE(bytes);
    auto const seen = read_answer(bytes);
    CHECK(seen.failed);
    CHECK(seen.fault == code);
    CHECK_FALSE(seen.cause.empty());
    CHECK(read_to_eof(bytes) == seen);
}

} // namespace test

#endif
