// See cluster.hpp. The one file of the examples that compiles the emulator.
#include "cluster.hpp"

#include <hdikafka/emulator.hpp>

#include <asio/io_context.hpp>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

namespace examples {

namespace hk = hdikafka;
using namespace std::chrono_literals;

namespace {

std::string environment(char const* name)
{
    char const* const value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): nobody changes it meanwhile
    return value ? value : "";
}

} // namespace

/// The emulator, with the thread that it works on.
class cluster::embedded
{
public:
    embedded() : emulator_(io_.get_executor(), hk::emulator_options().visibility_delay(300ms))
    {
        emulator_.start();
        thread_ = std::thread([this] { io_.run(); });
    }
    embedded(embedded const&) = delete;
    embedded& operator=(embedded const&) = delete;
    ~embedded()
    {
        emulator_.stop(); // then run() returns
        thread_.join();
    }

    hk::emulator const& emulator() const noexcept { return emulator_; }

private:
    asio::io_context io_{1};
    hk::emulator emulator_;
    std::thread thread_;
};

cluster::cluster()
{
    std::string const endpoint = environment("HDIKAFKA_ENDPOINT");
    if (endpoint.empty()) {
        embedded_ = std::make_unique<embedded>();
        options_ = embedded_->emulator().client_options();
        std::cout << "HDIKAFKA_ENDPOINT is not set: using an emulator at " << options_.endpoint()
                  << std::endl;
    } else {
        hk::client_secret_credential const who(environment("AZURE_TENANT_ID"), environment("AZURE_CLIENT_ID"),
                                               environment("AZURE_CLIENT_SECRET"));
        options_ = hk::client_options(endpoint).credential(who);
        std::cout << "Using the cluster at " << endpoint << std::endl;
    }
}

cluster::~cluster() = default;

std::string new_name(std::string const& stem)
{
    auto const now = std::chrono::system_clock::now().time_since_epoch();
    auto const milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
    return stem + "_" + std::to_string(milliseconds);
}

} // namespace examples
