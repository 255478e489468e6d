// What hdikafka's client does with a stream. In a file of its own, so that it does not change what the
// compiler inlines into the other measurements.
#ifndef HDIKAFKA_BENCH_OURS_STREAM_HPP
#define HDIKAFKA_BENCH_OURS_STREAM_HPP

#include <hdikafka/client.hpp>
#include <hdikafka/record_stream.hpp>

#include <string>

namespace bench {

/// Reads a partition that `reads` reads of `records` records each bring.
asio::awaitable<void> read_stream(hdikafka::client client, std::string topic, int reads, int records);

} // namespace bench

#endif
