// Exports a partition, up to its present end, to a file of JSON lines: {"offset":…,"key":…,"value":…} a
// record. Started again, whatever ended it, it appends what is missing; only records of the last batch may
// then be there twice (at least once). FILE and FILE.checkpoint belong together: to begin anew, remove both.
//   export [topic partition file [max_records]]    without a topic it makes one of 500 records
#include "support/cluster.hpp"
#include "support/lines_file.hpp"
#include "support/progress.hpp"

#include <hdikafka.hpp>

#include <asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>
#include <utility>

namespace hk = hdikafka;
using namespace std::chrono_literals;

asio::awaitable<void> five_hundred_records(hk::client client, std::string topic)
{
    co_await client.create_topic(topic);
    co_await client.wait_for_topic(topic, 60s);
    hk::records list;
    for (int i = 0; i < 500; ++i)
        list.push_back(i % 2 == 0 ? hk::record(i) : hk::record("odd", i));
    co_await client.produce(topic, list);
}

asio::awaitable<void> run(hk::client client, std::string topic, int partition, std::string path, int most)
{
    if (topic.empty()) {
        topic = examples::new_name("export");
        path = (std::filesystem::temp_directory_path() / (topic + ".jsonl")).string();
        co_await five_hundred_records(client, topic);
    }
    hk::file_checkpoint_store store(path + ".checkpoint");
    co_await store.load(topic); // takes the lock: from here on no other export is at work on the file
    examples::lines_file file(path);
    auto const range = co_await client.partition(topic, partition);
    examples::progress progress(range.earliest_offset, range.latest_offset);
    auto options = hk::consume_options().until(hk::latest).max_records(most).parallelism(4).checkpoint(store);
    auto stream = client.consume(topic, partition, options);
    while (auto const batch = co_await stream.next()) {
        std::string lines;
        for (auto const& record : *batch) {
            std::string line = "{\"offset\":" + std::to_string(record.offset()) + ",\"key\":";
            line.append(record.key() ? record.key()->text() : "null").append(",\"value\":");
            line.append(record.value().text()).append("}");
            std::ranges::replace(line, '\n', ' '); // JSON may have them between its tokens
            lines += line + '\n';
        }
        file.append(lines);
        co_await stream.commit(*batch); // not before the lines are on the disk
        progress.add(batch->size(), std::ssize(lines), (*batch)[0].offset(), batch->next_offset());
    }
    std::cout << "exported " << progress.finish() << " records to " << path << std::endl;
}

int main(int argc, char** argv)
try {
    bool const given = argc > 3;
    examples::cluster const cluster; // your own, or an emulator: see support/cluster.hpp
    asio::io_context io;
    hk::client const client(io.get_executor(), cluster.options());
    auto job = run(client, given ? argv[1] : "", given ? std::stoi(argv[2]) : 0, given ? argv[3] : "",
                   argc > 4 ? std::stoi(argv[4]) : 500);
    asio::co_spawn(io, std::move(job), [](std::exception_ptr failure) {
        if (failure)
            std::rethrow_exception(failure); // out of run()
    });
    io.run();
} catch (std::exception const& failure) {
    std::cerr << failure.what() << "\n";
    return 1;
}
