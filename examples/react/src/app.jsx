// A page that sends files: chosen or dropped, several at once, gone on with after a reload.
import { useState } from "react";
import { pickFiles } from "./picked.js";
import { useUploads } from "./use-uploads.js";
import { howFar, inUnits, isRunning, sentenceOf } from "./words.js";

export function App({ to }) {
  const { items, unfinished, add, addDropped, ...actions } = useUploads(to);
  const addAll = (found) => found.forEach(add);
  return (
    <main>
      <h1>Send files</h1>
      <Drop onFiles={addAll} onDropped={addDropped} />
      {items.length > 0 && (
        <ul aria-label="Uploads">
          {items.map((item) => (
            <Item key={item.key} item={item} {...actions} />
          ))}
        </ul>
      )}
      {unfinished.length > 0 && (
        <section>
          <h2>Begun earlier</h2>
          <ul>
            {unfinished.map((one) => (
              <Unfinished key={one.key} one={one} {...actions} />
            ))}
          </ul>
        </section>
      )}
      <Said items={items} />
    </main>
  );
}

function Drop({ onFiles, onDropped }) {
  const [isOver, setOver] = useState(false);
  const onDrop = (event) => {
    event.preventDefault();
    setOver(false);
    onDropped(event.dataTransfer);
  };
  const onDragOver = (event) => {
    event.preventDefault();
    setOver(true);
  };
  // The picker that gives handles stands in for the input's own, where there is one.
  const onClick = (event) => {
    const picking = pickFiles();
    if (!picking) return;
    event.preventDefault();
    picking.then(onFiles);
  };
  const onChange = ({ target }) => {
    onFiles([...target.files].map((file) => ({ file })));
    // The same file can be chosen again.
    target.value = "";
  };
  return (
    <label
      className={isOver ? "drop over" : "drop"}
      onDragOver={onDragOver}
      onDragLeave={() => setOver(false)}
      onDrop={onDrop}
    >
      Drop files here, or choose them:
      <input id="files" type="file" multiple onClick={onClick} onChange={onChange} />
    </label>
  );
}

function Item({ item, tryAgain, remove }) {
  const { name, transfer, state, committed, size, note, error, url } = item;
  return (
    <li>
      <span className="name">{name}</span>
      <span className="actions">
        {isRunning(item) && state !== "paused" && (
          <Action says="Pause" name={name} onClick={() => transfer.pause()} />
        )}
        {state === "paused" && (
          <Action says="Resume" name={name} onClick={() => transfer.resume()} />
        )}
        {isRunning(item) && <Action says="Abort" name={name} onClick={() => transfer.abort()} />}
        {state === "failed" && item.begin && (
          <Action says="Try again" name={name} onClick={() => tryAgain(item)} />
        )}
        {!isRunning(item) && <Action says="Remove" name={name} onClick={() => remove(item)} />}
      </span>
      <progress
        aria-label={`Progress of ${name}`}
        max={size || 1}
        value={size === 0 && state === "complete" ? 1 : committed}
      />
      <p className="soft">{howFar(item)}</p>
      {note && <p className="soft">{note}</p>}
      {state === "failed" && error && <p className="bad">{error}</p>}
      {url && (
        <p>
          <a href={url}>Open {name}</a> <span className="soft">{inUnits(size)}</span>
        </p>
      )}
    </li>
  );
}

function Unfinished({ one, goOn, forget }) {
  const [error, setError] = useState();
  const canGoOn = one.file || one.handle;
  const told = (doing) => doing.catch((why) => setError(sentenceOf(why)));
  return (
    <li>
      <span className="name">{one.path}</span>
      <span className="actions">
        {canGoOn && <Action says="Go on" name={one.path} onClick={() => told(goOn(one))} />}
        <Action says="Forget" name={one.path} onClick={() => told(forget(one))} />
      </span>
      <p className="soft">
        {inUnits(one.size)}, {one.isRunning ? "another tab is at it" : "not complete yet"}
      </p>
      {(!canGoOn || error) && (
        <p className="again">
          <label>
            To go on, choose {one.path} again:
            <input type="file" onChange={({ target }) => told(goOn(one, target.files[0]))} />
          </label>
        </p>
      )}
      {error && (
        <p className="bad" role="alert">
          {error}
        </p>
      )}
    </li>
  );
}

/** What is seen is short, what is heard names the file. */
function Action({ says, name, onClick }) {
  return (
    <button type="button" aria-label={`${says} ${name}`} onClick={onClick}>
      {says}
    </button>
  );
}

/** What a screen reader says without being asked: how each of them ended, and no figures. */
function Said({ items }) {
  const ended = items.filter((item) => !isRunning(item)).at(-1);
  return (
    <p className="unseen" role="status">
      {ended && `${ended.name}: ${howFar(ended)}. ${ended.error ?? ""}`}
    </p>
  );
}
