// One HTTP exchange on one connection: write the request, read the answer. Layer: I/O shell.
#ifndef HDIKAFKA_DETAIL_EXCHANGE_HPP
#define HDIKAFKA_DETAIL_EXCHANGE_HPP

#include <hdikafka/detail/connection.hpp>
#include <hdikafka/detail/http_parser.hpp>
#include <hdikafka/detail/operation.hpp>
#include <hdikafka/detail/task.hpp>
#include <hdikafka/detail/tls_stream.hpp>
#include <hdikafka/result.hpp>

#include <cstddef>
#include <span>
#include <string_view>

namespace hdikafka::inline v0_1::detail {

/// Takes the next bytes of the answer from the stream into the parser until it is complete, fails, or
/// has to wait. Returns what to wait for; done and failed end the exchange.
template <class Stream>
step read_some_of(Stream& stream, response_parser& parser)
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
/// moves, in either direction.
///
/// A write that fails is not yet the end: a server may have answered and closed without reading
/// everything, and its answer says more than "broken pipe".
template <class Operation>
task exchange(Operation& op, tls_stream<>& stream, std::string_view request, response_parser& parser,
              milliseconds idle_limit)
{
    op.begin_phase(errc::idle_timeout, idle_limit);
    std::span<char const> rest(request);
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
            bool const ready = co_await op.ready(stream.socket(), readiness_for(now));
            if (!ready)
                co_return op.interruption("sending the request");
            op.extend_phase(idle_limit);
        }
    }
    // An answer takes a round trip: looking for it at once would be in vain.
    step wanted = sending && !stream.has_buffered() ? step::want_read : step::done;
    for (;;) {
        if (wanted != step::done) {
            bool const ready = co_await op.ready(stream.socket(), readiness_for(wanted));
            if (!ready)
                co_return op.interruption("waiting for the answer");
            op.extend_phase(idle_limit);
        }
        wanted = read_some_of(stream, parser);
        if (parser.done()) {
            op.end_phase();
            co_return result<void>();
        }
        if (!sending)
            co_return lost;
        if (parser.failed())
            co_return error(parser.fault(), parser.cause());
        if (wanted == step::failed)
            co_return stream.failure();
    }
}

} // namespace hdikafka::inline v0_1::detail

#endif
