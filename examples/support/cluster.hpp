// The cluster that the examples talk to: yours, or an emulator inside the program. What a program of
// yours needs of it are the four lines of the constructor that read the environment.
#ifndef HDIKAFKA_EXAMPLES_SUPPORT_CLUSTER_HPP
#define HDIKAFKA_EXAMPLES_SUPPORT_CLUSTER_HPP

#include <hdikafka/client_options.hpp>

#include <memory>
#include <string>

namespace examples {

/// With HDIKAFKA_ENDPOINT, AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET set, that cluster.
/// Otherwise an emulator, which works on a thread of its own for as long as this object lives.
/// Says on stdout which of the two it is. Throws hk::error when the emulator cannot start.
class cluster
{
public:
    cluster();
    cluster(cluster const&) = delete;
    cluster& operator=(cluster const&) = delete;
    ~cluster();

    /// What a client is made from.
    hdikafka::client_options const& options() const noexcept { return options_; }

private:
    class embedded; // in cluster.cpp: who includes this header need not compile the emulator
    std::unique_ptr<embedded> embedded_;
    hdikafka::client_options options_;
};

/// A topic's name that no earlier run of an example took: "orders_1767225600123".
std::string new_name(std::string const& stem);

} // namespace examples

#endif
