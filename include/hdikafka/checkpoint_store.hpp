// Where checkpoints are kept.
#ifndef HDIKAFKA_CHECKPOINT_STORE_HPP
#define HDIKAFKA_CHECKPOINT_STORE_HPP

#include <hdikafka/checkpoint.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/run/asio.hpp>

#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1 {

/// Where checkpoints are kept: derive from it to keep them in a database, say. A stream calls load() once,
/// before its first read, and save() for each commit(); their exceptions are those of next() and commit().
/// One store may serve several streams; of what two of them save for one partition, the last counts.
///
/// - Lifetime: streams share it; it lives as long as any of them, and as what it is asked to do.
/// - Thread safety: called on the streams' executors, and by several streams at the same time.
class checkpoint_store
{
public:
    virtual ~checkpoint_store() = default;

    /// The checkpoints of a topic, one for each partition that has one.
    ///
    /// - Effect: reads what save() kept; a topic that has nothing there is no error.
    /// - Completion: on the executor of the coroutine that awaits it.
    /// - Errors: whatever it throws ends the stream's next(), which may be called again.
    /// - Cancellation: terminal. A next() that is cancelled or timed out leaves one behind that does not heed
    /// it.
    virtual net::awaitable<std::vector<checkpoint>> load(std::string topic) = 0;

    /// Keeps one in the place of what was kept for its partition.
    ///
    /// - Effect: what was saved is there when the program is killed right after completion.
    /// - Completion: on the executor of the coroutine that awaits it.
    /// - Errors: whatever it throws is commit()'s; what was kept before should then still be there.
    /// - Cancellation: its own affair.
    virtual net::awaitable<void> save(checkpoint what) = 0;

protected:
    checkpoint_store() = default;
    checkpoint_store(checkpoint_store const&) = default;
    checkpoint_store& operator=(checkpoint_store const&) = default;
};

namespace detail {

template <class = void>
checkpoint_file_ptr make_checkpoint_file(std::string path);

} // namespace detail

/// Checkpoints in a file of JSON text: written anew beside it, flushed to the disk and renamed into its
/// place, so that the old ones or the new ones are there whenever the program is killed. One process at a
/// time: a lock on PATH.lock, held from the first use on until the last copy of this object is gone.
///
/// A file that is there keeps its mode, its owner and its group. Where the system does not permit that, it
/// becomes the writer's, and a group that is another one may do no more than everybody. Other hard links to
/// it stay with the old checkpoints, and access lists are not kept. Neither it nor its lock nor PATH.new may
/// be anything but a regular file: of symbolic links only those are followed that lead to PATH itself.
///
/// Lifetime: copies share the file and the lock; what has begun keeps them, and the end of the executor's
/// context waits for it. A child that is forked while the lock is held has it, too.
///
/// Thread safety: all copies may be used from any thread. The work on files is done by a thread that the
/// executor's context has for it, one piece at a time.
///
/// A template for the reason that basic_client is one.
template <class Lazy = void>
class basic_file_checkpoint_store final : public checkpoint_store
{
public:
    /// Does no I/O. The file need not exist; its directory must, and must allow new files. The name is looked
    /// up at the first use: later it does not matter where the program goes, nor what a link points to.
    explicit basic_file_checkpoint_store(std::string path)
        : file_(detail::make_checkpoint_file<Lazy>(std::move(path)))
    {}

    /// As checkpoint_store says.
    ///
    /// - Effect: takes the lock and reads the file if no copy of this object has done so.
    /// - Completion: the caller resumes on its own executor.
    /// - Errors: std::errc::device_or_resource_busy while another process, or another object of this one, has
    ///   the lock; errc::invalid_json when the file is not what was written, which is then left as it is;
    ///   errc::invalid_option when it, or its lock, is no regular file; std::errc::file_too_large when it has
    ///   more than 64 MiB; what the system says to the work on files.
    /// - Cancellation: none; it takes as long as the disk does.
    net::awaitable<std::vector<checkpoint>> load(std::string topic) override;

    /// As checkpoint_store says.
    ///
    /// - Effect: writes and flushes the whole file, so the time that it takes is the disk's.
    /// - Completion: the caller resumes on its own executor.
    /// - Errors: those of load(). When a save() has failed, what was kept before is there, or what was to be
    ///   kept, and never anything else.
    /// - Cancellation: none; a save() that has begun is carried out.
    net::awaitable<void> save(checkpoint what) override;

private:
    detail::checkpoint_file_ptr file_;
};

/// The one to use.
using file_checkpoint_store = basic_file_checkpoint_store<>;

} // namespace hdikafka::inline v0_1

#ifndef HDIKAFKA_SEPARATE_COMPILATION
#include <hdikafka/detail/stream/checkpoint_file.hpp>
#endif

#endif
