"""One peer of the serving benchmark, run by the interpreter of its own environment: serve_peer.py NAME PORT FOLDER.

The model is the one in FOLDER (``model.pkl`` and ``columns.json``, or what MLflow saved), the same for all.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any

QUIET: dict[str, Any] = {"host": "127.0.0.1", "log_level": "error", "access_log": False}


def opened(folder: Path) -> tuple[Any, list[str]]:
    """Give the model and the names of its columns."""
    columns: list[str] = json.loads((folder / "columns.json").read_text())
    return pickle.loads((folder / "model.pkl").read_bytes()), columns  # our own, made a moment ago


def nameless(model: Any) -> Any:
    """Give the model as one that was fitted on an array, so that it takes arrays without a warning."""
    for step in (model, *(step for _, step in model.steps)):
        step.__dict__.pop("feature_names_in_", None)
    return model


def mlflow(port: int, folder: Path) -> None:
    """`mlflow models serve`, as its documentation has it."""
    tool = Path(sys.executable).with_name("mlflow")
    command = [str(tool), "models", "serve", "-m", str(folder / "mlflow"), "--env-manager", "local"]
    os.environ["PATH"] = (
        f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it looks for uvicorn there
    )
    os.execv(tool, [*command, "-h", "127.0.0.1", "-p", str(port), "-w", "1"])


def mlflow_save(folder: Path) -> None:
    """Save the model as MLflow serves it."""
    import mlflow.sklearn
    import pandas as pd
    from mlflow.models import infer_signature

    model, columns = opened(folder)
    frame = pd.DataFrame([[1.0] * len(columns)], columns=columns)
    mlflow.sklearn.save_model(
        model,
        str(folder / "mlflow"),
        signature=infer_signature(frame, model.predict(frame)),
        pip_requirements=[],
        serialization_format="cloudpickle",
    )


def vetiver(port: int, folder: Path) -> None:
    """Vetiver's own API."""
    import pandas as pd
    import uvicorn
    from vetiver import VetiverAPI, VetiverModel

    model, columns = opened(folder)
    frame = pd.DataFrame([[1.0] * len(columns)], columns=columns)
    uvicorn.run(VetiverAPI(VetiverModel(model, "bench", prototype_data=frame)).app, port=port, **QUIET)


def fastapi(port: int, folder: Path, *, frame: bool) -> None:
    """FastAPI with a pydantic model for each row, and a frame or an array for the model."""
    import numpy as np
    import pandas as pd
    import uvicorn
    from fastapi import FastAPI
    from pydantic import create_model

    model, columns = opened(folder)
    row_type: Any = create_model("Row", **dict.fromkeys(columns, (float, ...)))  # type: ignore[call-overload]  # pydantic's way
    app = FastAPI()
    arrays = model if frame else nameless(model)

    def predict_frame(row: row_type) -> dict[str, Any]:
        return {"prediction": model.predict(pd.DataFrame([row.model_dump()])).tolist()}

    async def predict_array(row: row_type) -> dict[str, Any]:
        return {"prediction": arrays.predict(np.array([list(row.__dict__.values())])).tolist()}

    predict = predict_frame if frame else predict_array
    predict.__annotations__ = {"row": row_type, "return": dict}
    app.post("/predict")(predict)
    uvicorn.run(app, port=port, **QUIET)


def bare(port: int, folder: Path) -> None:
    """The least that a server can do: no framework, a struct for the row, the model called in the event loop."""
    import msgspec
    import numpy as np
    import uvicorn

    model, columns = opened(folder)
    model = nameless(model)
    row_type = msgspec.defstruct("Row", [(name, float) for name in columns])
    decode, encode = msgspec.json.Decoder(row_type).decode, msgspec.json.Encoder().encode

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        try:
            values = msgspec.structs.astuple(decode(body))
            content, status = encode({"prediction": model.predict(np.array([values])).tolist()}), 200
        except msgspec.ValidationError as error:
            content, status = encode({"detail": str(error)}), 422
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    uvicorn.run(app, port=port, loop="uvloop", http="httptools", **QUIET)


def main() -> None:
    """Serve, until somebody ends it."""
    name, port, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    if name == "mlflow-save":
        mlflow_save(folder)
    elif name.startswith("fastapi"):
        fastapi(port, folder, frame=name == "fastapi-frame")
    else:
        {"mlflow": mlflow, "vetiver": vetiver, "bare": bare}[name](port, folder)


if __name__ == "__main__":
    main()
