// Loads a file of JSON lines into one partition: only within one has Kafka an order, the file's then. Started
// again, whatever ended it, it goes on where FILE.loaded says. No line is lost; the up to `window` lines that
// were under way may then be there twice (at least once). A bad line ends it: what stands before is loaded.
//   bulk_load [topic file [partition [window]]]    without a topic it makes one, and a file of 500 lines
#include "support/cluster.hpp"
#include "support/loaded_lines.hpp"
#include "support/outcome.hpp"
#include "support/progress.hpp"
#include "support/stop_signal.hpp"

#include <hdikafka.hpp>

#include <asio.hpp>

#include <deque>
#include <iostream>

namespace hk = hdikafka;
examples::stop_signal const stopping;

asio::awaitable<void> load(hk::client client, std::string topic, std::string path, int partition, int window)
{
    if (path.empty()) {
        path = examples::new_lines_file(topic, 500);
        co_await client.create_topic(topic);
    }
    examples::loaded_lines file(path, topic + ':' + std::to_string(partition), 900'000); // bytes a line
    examples::progress progress(0, file.size());
    hk::producer const producer(client, hk::producer_options().at_least_once(true)); // batches of up to 1,000
    std::deque<std::pair<hk::delivery, examples::line_end>> sent;
    std::string end; // what keeps it from the next line
    auto const fill = [&] {
        try { // 16 MB is half of a producer's buffer: there is room
            for (std::string line; file.ahead_by_less(window, 16'000'000) && file.next(line);) {
                if (stopping)
                    throw std::runtime_error("stopped by a signal; started again, it goes on here");
                auto const record = hk::record(hk::json::parse(line)).partition(partition);
                sent.emplace_back(producer.try_send(topic, record), file.read());
            }
        } catch (std::exception const& failure) {
            end = file.at_line(file.read().line, failure.what());
        }
    };
    auto loaded = file.saved();
    for (fill(); !sent.empty(); sent.pop_front()) {
        examples::outcome const outcome(co_await hk::as_result(sent.front().first.receipt()));
        if (!outcome.done()) {
            end = file.at_line(loaded.line + 1, outcome.text());
            break; // the producer's end breaks off what is behind it
        }
        progress.add(1, sent.front().second.byte - loaded.byte, loaded.byte, sent.front().second.byte);
        loaded = sent.front().second;
        if (sent.size() == 1 || loaded.line - file.saved().line >= (window + 1) / 2) { // half travels
            file.save(loaded);
            if (end.empty())
                fill();
        }
    }
    file.save(loaded);
    std::cout << "loaded " << progress.finish() << " lines of " << path << " into " << topic << std::endl;
    if (!end.empty())
        throw std::runtime_error(end); // everything before it is loaded
}

int main(int argc, char** argv)
try {
    examples::cluster const cluster; // your own, or an emulator: see support/cluster.hpp
    asio::io_context io;
    hk::client const client(io.get_executor(), cluster.options());
    auto job = load(client, argc > 2 ? argv[1] : examples::new_name("load"), argc > 2 ? argv[2] : "",
                    argc > 3 ? std::stoi(argv[3]) : 0, argc > 4 ? std::max(std::stoi(argv[4]), 1) : 2000);
    asio::co_spawn(io, std::move(job), [](std::exception_ptr failure) {
        if (failure)
            std::rethrow_exception(failure); // out of run()
    });
    io.run();
} catch (std::exception const& failure) {
    std::cerr << failure.what() << "\n";
    return 1;
}
