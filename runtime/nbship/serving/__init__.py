"""A model of the registry as a service: quick, hard to hurt, and with a log that loses nothing.

Four kinds of processes, so that none of them can take the others with it::

    supervisor      holds the listening socket, watches the assignment, starts and restarts the others
    ├── frontend    speaks HTTP, validates, routes, queues, logs (``--frontends``)
    ├── worker      holds one version of the model and computes (``--workers`` for each version)
    └── drain       turns what the frontends logged into the Parquet of the prediction log

A worker that crashes, hangs or leaks is replaced, and what it had begun is computed by another one: nobody's
connection ends there. What is waiting while a worker computes goes to it as one batch, so that load makes a request
cheaper. A frontend writes each answer to a file before it sends it, so that a kill loses no logged request.
"""
