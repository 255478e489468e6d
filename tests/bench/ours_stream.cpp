// A stream over a partition, from its beginning to its end.
#include "ours_stream.hpp"

#include "bench.hpp"

#include <hdikafka.hpp>

#include <cstddef>
#include <string>

namespace bench {

namespace hk = hdikafka;

asio::awaitable<void> read_stream(hk::client client, std::string topic, int reads, int records)
{
    auto stream = client.consume(
        topic, 0, hk::consume_options().from(hk::earliest).until(hk::latest).max_records(records));
    int seen = 0;
    while (auto batch = co_await stream.next()) {
        require(batch->size() == static_cast<std::size_t>(records) &&
                    (*batch)[batch->size() - 1].offset() == batch->next_offset() - 1,
                "not the records");
        ++seen;
    }
    require(seen == reads, "not all records");
}

} // namespace bench
