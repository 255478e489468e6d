// hdikafka-emulator: the emulator as a program, for tests and programs in any language.
//
// It prints one line of JSON when it is ready and runs until Ctrl-C or SIGTERM. Exit status: 0 after
// that, 1 when it cannot start, 2 when the command line is wrong.
#include "support/emulator_command_line.hpp"
#include "support/published_file.hpp"

#include <hdikafka/emulator.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace hk = hdikafka;
namespace net = hk::net;
using examples::parse;
using examples::settings;
using examples::usage_error;

std::string read_file(std::string const& path)
{
    std::ifstream in(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in || text.empty())
        throw std::runtime_error("cannot read " + path);
    return text;
}

std::string ready_line(hk::emulator const& emulator, settings const& with, std::string const& ca_file)
{
    std::vector<std::pair<std::string, std::string>> members{
        {"endpoint", emulator.endpoint()},
        {"authority_host", emulator.authority_host()},
        {"ca_file", ca_file},
        {"tenant", with.options.tenant()},
        {"client_id", with.options.client_id()},
        {"client_secret", with.options.client_secret()},
    };
    if (with.options.managed_identity())
        members.emplace_back("identity_endpoint", emulator.identity_endpoint());
    std::string line;
    for (auto const& [name, value] : members) {
        line += line.empty() ? '{' : ',';
        line += hk::json(name).text();
        line += ':';
        line += hk::json(value).text();
    }
    return line + '}';
}

/// What the application has registered besides its secret.
void read_registration(settings& with)
{
    if (!with.client_certificates_file.empty())
        with.options.client_certificates(read_file(with.client_certificates_file));
    if (with.federated_issuer.empty())
        return;
    hk::emulator_federated_credential trusted(with.federated_issuer, with.federated_subject,
                                              read_file(with.federated_keys_file));
    if (!with.federated_audience.empty())
        trusted.audience(with.federated_audience);
    with.options.federated_credential(std::move(trusted));
}

/// One line: what was asked on which connection, and the answer's status, 0 for none. A query is told only
/// where it is the service's own: a client may put a secret into any other by mistake.
void log_request(hk::emulator_call const& call)
{
    std::string line(hk::to_string(call.route));
    bool const whole = call.route == hk::emulator_route::consume;
    line += " #" + std::to_string(call.connection) + ' ' + call.method + ' ';
    line += whole ? call.target : call.target.substr(0, call.target.find('?'));
    line += ' ' + std::to_string(call.status) + '\n';
    std::cerr << line;
}

void serve(settings with)
{
    if (!with.cert_file.empty())
        with.options.certificate(read_file(with.cert_file), read_file(with.key_file));
    read_registration(with);
    net::io_context io;
    net::signal_set signals(io, SIGINT, SIGTERM, SIGHUP);
    hk::emulator emulator(io.get_executor(), with.options);
    emulator.start();
    if (with.log)
        emulator.on_call(log_request);
    for (auto const& [topic, partitions] : with.topics)
        emulator.add_topic(topic, partitions);

    // The authority's certificate, for other programs.
    std::optional<examples::published_file> authority;
    if (with.cert_file.empty())
        authority.emplace(with.ca_file, emulator.ca_pem());
    std::cout << ready_line(emulator, with, authority ? authority->path() : with.cert_file) << std::endl;

    signals.async_wait([&emulator](net::error_code, int) { emulator.stop(); });
    std::vector<std::thread> threads;
    for (unsigned i = 1; i < with.threads; ++i)
        threads.emplace_back([&io] { io.run(); });
    io.run();
    for (auto& thread : threads)
        thread.join();
}

} // namespace

int main(int argc, char** argv)
{
    try {
        settings with = parse({argv + 1, argv + argc});
        if (!with.done)
            serve(std::move(with));
        return EXIT_SUCCESS;
    } catch (usage_error const& wrong) {
        std::cerr << "hdikafka-emulator: " << wrong.what() << std::endl;
        return 2;
    } catch (hk::error const& failure) {
        std::cerr << "hdikafka-emulator: " << failure.cause() << std::endl;
        return failure.code() == hk::errc::invalid_option ? 2 : EXIT_FAILURE;
    } catch (std::exception const& failure) {
        std::cerr << "hdikafka-emulator: " << failure.what() << std::endl;
        return EXIT_FAILURE;
    }
}
