// The second translation unit of linking_test: it includes the library too.
#include <hdikafka/detail/run/asio.hpp> // first: it must not depend on what was read before it

#if defined(_GLIBCXX_HAVE_ALIGNED_ALLOC) && !defined(ASIO_HAS_STD_ALIGNED_ALLOC)
#error "here Asio's memory would come from elsewhere than in units that read a standard header first"
#endif

#include "public/linking/unit.hpp"

#include <asio/io_context.hpp>
#include <asio/use_future.hpp>

namespace hk = hdikafka;

namespace test {

std::error_category const& other_category() { return hk::make_error_code(hk::errc::timed_out).category(); }

bool other_round_trip(hk::client const& client, hk::emulator& emulator)
{
    emulator.add_topic("linked");
    // The client works on the context of the first unit, which runs on a thread of its own.
    asio::io_context io;
    auto receipt =
        asio::co_spawn(io, client.produce("linked", hk::records(hk::record("key", 42))), asio::use_future);
    io.run();
    auto const stored = emulator.records("linked", 0);
    return receipt.get().persisted() == hk::persistence::done && stored.size() == 1;
}

void other_throw() { throw hk::error(hk::errc::no_records); }

} // namespace test
