// What hdikafka's producer does. In a file of its own, like the stream.
#ifndef HDIKAFKA_BENCH_OURS_SEND_HPP
#define HDIKAFKA_BENCH_OURS_SEND_HPP

#include <hdikafka/client.hpp>

#include <asio/io_context.hpp>

namespace bench {

/// Works on `io` until `rounds` times `records` send()s, which each round starts at the same time, have their
/// receipts: a request each round.
void send_in_rounds(asio::io_context& io, hdikafka::client client, int rounds, int records);

} // namespace bench

#endif
