// One HTTP exchange on one connection: write the request, read the answer. Layer: I/O shell.
#ifndef HDIKAFKA_DETAIL_EXCHANGE_HPP
#define HDIKAFKA_DETAIL_EXCHANGE_HPP

#include <hdikafka/detail/asio.hpp>
#include <hdikafka/detail/connection.hpp>
#include <hdikafka/detail/http_parser.hpp>
#include <hdikafka/detail/operation.hpp>
#include <hdikafka/http_limits.hpp>
#include <hdikafka/result.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Takes the next bytes of the answer from the stream into the parser until it is complete, fails, or
/// has to wait. Returns what to wait for; done and failed end the exchange.
inline step read_some_of(tls_stream& stream, response_parser& parser)
{
    for (;;) {
        std::size_t count = 0;
        step const now = stream.read(parser.prepare(), count);
        if (now == step::closed)
            parser.finish_eof();
        else if (now != step::done)
            return now;
        else
            parser.commit(count);
        if (parser.done() || parser.failed())
            return step::done;
    }
}

/// Sends `request` (a whole message) and reads the answer. The phase timer runs from each byte that
/// moves, in either direction. The pointers are to objects of the awaiting coroutine, which outlive
/// this one.
///
/// A write that fails is not yet the end: a server may have answered and closed without reading
/// everything, and its answer says more than "broken pipe".
inline net::awaitable<result<void>> exchange(operation_ptr op, connection* link, std::string const* request,
                                             response_parser* parser, milliseconds idle_limit)
{
    tls_stream& stream = link->stream;
    op->begin_phase(errc::idle_timeout, idle_limit);
    std::span<char const> rest(*request);
    bool sending = true;
    error lost(errc::connection_lost);
    while (sending && !rest.empty()) {
        std::size_t count = 0;
        step const now = stream.write(rest, count);
        if (now == step::done) {
            rest = rest.subspan(count);
        } else if (now == step::failed || now == step::closed) {
            lost = stream.failure();
            sending = false;
        } else {
            bool const ready = co_await wait_for(op, &stream, now);
            if (!ready)
                co_return interrupted_error(*op, "sending the request");
            op->extend_phase(idle_limit);
        }
    }
    for (;;) {
        step const now = read_some_of(stream, *parser);
        if (parser->done()) {
            op->end_phase();
            co_return result<void>();
        }
        if (!sending)
            co_return lost;
        if (parser->failed())
            co_return error(parser->fault(), parser->cause());
        if (now == step::failed)
            co_return stream.failure();
        bool const ready = co_await wait_for(op, &stream, now);
        if (!ready)
            co_return interrupted_error(*op, "waiting for the answer");
        op->extend_phase(idle_limit);
    }
}

} // namespace hdikafka::inline v0_1::detail

#endif
